# Installs libraries, public headers and the CMake package. Headers in
# internal/ are never installed.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/larder")
install(TARGETS larder-serializers larder-backends larder-actors
                larder-prometheus
        EXPORT larderTargets)
foreach(layer serializers backends actors prometheus)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${layer}/larder"
          DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
          FILES_MATCHING PATTERN "*.hpp" PATTERN internal EXCLUDE)
endforeach()
if(LARDER_BUILD_CLI)
  install(TARGETS larder-cli)
endif()
install(EXPORT larderTargets NAMESPACE larder:: DESTINATION "${package_dir}")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/larderConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/larderConfig.cmake"
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/larderConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/larderConfig.cmake"
  "${PROJECT_BINARY_DIR}/larderConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindCAF.cmake"
  DESTINATION "${package_dir}")
