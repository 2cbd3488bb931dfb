# Compile options that all targets of this project share.
function(larder_target name)
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_compile_options(${name} PRIVATE -Wall -Wextra -pedantic)
  # GCC 12 warns of overlaps and overreads inside the standard library that
  # cannot happen (https://gcc.gnu.org/PR105329) when it optimises.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
     AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${name} PRIVATE
      "$<$<NOT:$<CONFIG:Debug>>:-Wno-restrict;-Wno-stringop-overread>")
  endif()
  if(LARDER_WARNINGS_AS_ERRORS)
    target_compile_options(${name} PRIVATE -Werror)
  endif()
  target_compile_definitions(${name} PRIVATE
    $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
  if(LARDER_SANITIZE)
    target_compile_options(${name} PUBLIC
      -fsanitize=${LARDER_SANITIZE} -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
    target_link_options(${name} PUBLIC -fsanitize=${LARDER_SANITIZE})
  endif()
endfunction()

# Defines one layer: larder-<name>, exported as larder::<name>, from all sources
# in the layer's folder. Its include path is the folder itself.
function(larder_layer name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
       "${CMAKE_CURRENT_SOURCE_DIR}/larder/*.cpp")
  add_library(larder-${name} ${sources})
  add_library(larder::${name} ALIAS larder-${name})
  set_target_properties(larder-${name} PROPERTIES
    EXPORT_NAME ${name}
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR})
  target_include_directories(larder-${name} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  larder_target(larder-${name})
endfunction()
