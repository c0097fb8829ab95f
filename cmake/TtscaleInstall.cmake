# Installs the plugin, its headers and the CMake package; src/cli installs the program.
include(CMakePackageConfigHelpers)

install(TARGETS ttscale EXPORT ttscale-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ttscale "${PROJECT_BINARY_DIR}/include/ttscale" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
set(_ttscale_package ${CMAKE_INSTALL_LIBDIR}/cmake/ttscale)
install(EXPORT ttscale-targets NAMESPACE ttscale:: DESTINATION ${_ttscale_package})
configure_package_config_file(cmake/ttscale-config.cmake.in ttscale-config.cmake INSTALL_DESTINATION ${_ttscale_package})
write_basic_package_version_file(ttscale-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/ttscale-config.cmake" "${PROJECT_BINARY_DIR}/ttscale-config-version.cmake" cmake/TtscaleTorch.cmake
  DESTINATION ${_ttscale_package})
