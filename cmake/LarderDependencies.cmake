# Everything that the libraries link against; cmake/larderConfig.cmake.in finds
# the same for consumers of the installed package.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS serialization)
find_package(fmt REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(spdlog REQUIRED)
find_package(zstd CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET GLOBAL liblz4)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET GLOBAL libxxhash)
# Where the library was built to choose instructions by the processor it runs on.
include(CMakePushCheckState)
include(CheckCXXSourceCompiles)
cmake_push_check_state(RESET)
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::xxhash)
check_cxx_source_compiles("
  #include <xxh_x86dispatch.h>
  int main() { return XXH3_64bits(nullptr, 0) == 0; }"
  LARDER_XXH3_DISPATCH)
cmake_pop_check_state()
if(LARDER_XXH3_DISPATCH)
  target_compile_definitions(PkgConfig::xxhash INTERFACE LARDER_XXH3_DISPATCH)
endif()
# Its CMake package would want civetweb and curl, too.
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET GLOBAL prometheus-cpp-core)

# CAF 1.x installs its own package configuration; Debian's 0.17.6 has none,
# hence the module cmake/FindCAF.cmake.
find_package(CAF CONFIG QUIET COMPONENTS core io openssl)
if(NOT CAF_FOUND)
  find_package(CAF 0.17 MODULE REQUIRED COMPONENTS core io openssl)
endif()
message(STATUS "CAF ${CAF_VERSION}")
