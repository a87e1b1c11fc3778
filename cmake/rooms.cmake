# One call a folder:
#   nstarx_room(vault ROOMS base store LINK PkgConfig::SODIUM [ARROW])
# makes the static library nstarx_vault from the folder's *.cc, and vault_test from its *_test.cc.
# ROOMS are our own rooms it may include; LINK are foreign libraries; ARROW rooms get Arrow's headers precompiled.

add_compile_options(-fPIE -Wall -Wextra -Werror -Wno-missing-field-initializers -Wno-unused-parameter -Wno-deprecated-declarations -Wno-deprecated-declarations
                    -fno-omit-frame-pointer -Xclang -fno-pch-timestamp)
add_compile_definitions(SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL BOOST_ALL_NO_LIB
                        NSTARX_VERSION="${PROJECT_VERSION}")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1")
if(NSTARX_SANITIZE)
  add_compile_options(-fsanitize=${NSTARX_SANITIZE} -fno-sanitize-recover=all)
  string(REPLACE ",fuzzer-no-link" "" link_sanitizers "${NSTARX_SANITIZE}")
  add_link_options(-fsanitize=${link_sanitizers})
  if(NSTARX_SANITIZE MATCHES "undefined")
    # Vendor shared libraries carry no type information for -fsanitize=vptr.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()
add_link_options(-fuse-ld=mold -pie)
# libparquet exports an OpenSSL of its own (1,891 symbols, another version). Symbols are looked up in the order that
# libraries are named, so the system's come first: else a TLS handshake of ours runs half in each and crashes.
add_link_options(-Wl,--no-as-needed ${OPENSSL_SSL_LIBRARY} ${OPENSSL_CRYPTO_LIBRARY} -Wl,--as-needed)

add_library(nstarx_headers INTERFACE)
target_include_directories(nstarx_headers INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(nstarx_headers INTERFACE Threads::Threads fmt::fmt Boost::json)

# Two precompiled headers for the whole program: without Arrow and with it.
function(nstarx_precompiled name)
  cmake_parse_arguments(arg "" "" "HEADERS;LINK" ${ARGN})
  add_library(${name} STATIC ${CMAKE_SOURCE_DIR}/cmake/precompiled.cc)
  target_link_libraries(${name} PUBLIC nstarx_headers ${arg_LINK})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()
set(core_headers <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <expected>
  <functional> <map> <memory> <mutex> <optional> <span> <stop_token> <string> <string_view> <thread>
  <unordered_map> <utility> <variant> <vector> <fmt/format.h> <boost/json.hpp>)
nstarx_precompiled(nstarx_pch_core HEADERS ${core_headers})
nstarx_precompiled(nstarx_pch_arrow HEADERS ${core_headers} <arrow/api.h> LINK nstarx::arrow)

function(nstarx_room name)
  cmake_parse_arguments(arg "ARROW" "" "ROOMS;LINK;TEST_LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(benches ${sources})
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cc$")
  list(TRANSFORM arg_ROOMS PREPEND nstarx_)
  if(arg_ARROW)
    set(pch nstarx_pch_arrow)
    list(APPEND arg_LINK nstarx::arrow)
  else()
    set(pch nstarx_pch_core)
  endif()
  if(sources)
    add_library(nstarx_${name} STATIC ${sources})
    target_link_libraries(nstarx_${name} PUBLIC nstarx_headers ${arg_ROOMS} ${arg_LINK})
    target_precompile_headers(nstarx_${name} REUSE_FROM ${pch})
  else()
    add_library(nstarx_${name} INTERFACE)
    target_link_libraries(nstarx_${name} INTERFACE nstarx_headers ${arg_ROOMS} ${arg_LINK})
  endif()
  if(NSTARX_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE nstarx_${name} ${arg_TEST_LINK} GTest::gtest_main GTest::gmock)
    target_precompile_headers(${name}_test REUSE_FROM ${pch})
    # From the source root, so that tests find the docs.
    add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
    if(NOT arg_ARROW)
      # Arrow's own libraries are not instrumented, so only rooms without it run under TSan.
      set_tests_properties(${name} PROPERTIES LABELS tsan)
      set_property(GLOBAL APPEND PROPERTY NSTARX_TSAN_TESTS ${name}_test)
    endif()
  endif()
  if(NSTARX_BENCHES AND benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE nstarx_${name} benchmark::benchmark_main)
    target_precompile_headers(${name}_bench REUSE_FROM ${pch})
  endif()
endfunction()

# A connector's room: its spec.json is embedded in the file that says #embed "spec.json", and its name goes into the
# registration table. The hash makes a compiler cache notice a changed spec.json, which #embed alone does not.
function(nstarx_connector type)
  cmake_parse_arguments(arg "" "" "ROOMS;LINK" ${ARGN})
  nstarx_room(connector_${type} ARROW ROOMS base model connector net ${arg_ROOMS} LINK ${arg_LINK})
  set(spec ${CMAKE_CURRENT_SOURCE_DIR}/spec.json)
  file(SHA256 ${spec} spec_hash)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${spec})
  file(GLOB sources *.cc)
  foreach(source ${sources})
    file(STRINGS ${source} embedding REGEX "^#embed \"spec.json\"")
    if(embedding)
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -Wno-c23-extensions
        COMPILE_DEFINITIONS NSTARX_SPEC_HASH="${spec_hash}" OBJECT_DEPENDS ${spec})
    endif()
  endforeach()
  set_property(GLOBAL APPEND PROPERTY NSTARX_CONNECTORS ${type})
endfunction()

# A type that has a spec.json with a `driver` object and no C++ of its own: a driver of others runs it (src/adapter).
function(nstarx_driver_connector type)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/spec.json)
  set_property(GLOBAL APPEND PROPERTY NSTARX_DRIVER_CONNECTORS ${type})
endfunction()
