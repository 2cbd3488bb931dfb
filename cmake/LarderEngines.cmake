# Engines that need a library of their own. Each is built in when its library
# is found; LARDER_WITH_<ENGINE> can insist on it (ON) or do without (OFF).
# Sets LARDER_ENGINES, the optional engines that are built in.
set(LARDER_ENGINES "")

function(larder_optional_engine engine module)
  string(TOUPPER ${engine} upper)
  set(LARDER_WITH_${upper} AUTO CACHE STRING
      "Build the engine ${engine}: (AUTO, ON, OFF)")
  set_property(CACHE LARDER_WITH_${upper} PROPERTY STRINGS AUTO ON OFF)
  if(LARDER_WITH_${upper} STREQUAL "AUTO")
    pkg_check_modules(${engine} QUIET IMPORTED_TARGET GLOBAL ${module})
  elseif(LARDER_WITH_${upper})
    pkg_check_modules(${engine} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  endif()
  if(TARGET PkgConfig::${engine})
    set(LARDER_ENGINES ${LARDER_ENGINES} ${engine} PARENT_SCOPE)
  endif()
endfunction()

larder_optional_engine(rocksdb "rocksdb>=7")
larder_optional_engine(lmdb "lmdb>=0.9.24")
larder_optional_engine(sqlite "sqlite3>=3.37")
message(STATUS "optional engines: ${LARDER_ENGINES}")
