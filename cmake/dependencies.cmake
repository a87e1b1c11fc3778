# Everything the program is linked with. Versions and licences: docs/dependencies.md.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(MARIADB REQUIRED IMPORTED_TARGET libmariadb)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(ODBC REQUIRED IMPORTED_TARGET odbc)
# Static: the shared library makes a file in /dev/shm as it loads, before any code of ours could say no, and a killed
# process leaves it there. A later process with the same number then complains on stderr.
find_package(mongoc-1.0 REQUIRED)
set_target_properties(mongo::mongoc_static mongo::bson_static PROPERTIES INTERFACE_COMPILE_OPTIONS "")
# ./run builds without the test tools; ./test installs them and fails without.
find_package(GTest QUIET)
if(NOT TARGET GTest::gmock)  # some machines have GoogleTest without its mocks
  set(NSTARX_TESTS OFF)
  message(STATUS "GoogleTest (with gmock) is not installed: no unit tests in this build")
endif()
if(NSTARX_BENCHES)
  find_package(benchmark REQUIRED)
endif()

# Arrow C++ comes from the pyarrow wheel in the project's Python environment (headers and libraries).
set(NSTARX_PYTHON "${CMAKE_SOURCE_DIR}/build/venv/bin/python" CACHE FILEPATH "Python with pyarrow")
execute_process(
  COMMAND ${NSTARX_PYTHON} -c "import pyarrow as p; print(p.get_include()); print(p.get_library_dirs()[0])"
  OUTPUT_VARIABLE NSTARX_ARROW_FACTS OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" NSTARX_ARROW_FACTS "${NSTARX_ARROW_FACTS}")
list(GET NSTARX_ARROW_FACTS 0 NSTARX_ARROW_INCLUDE)
list(GET NSTARX_ARROW_FACTS 1 NSTARX_ARROW_LIBDIR)
foreach(library arrow arrow_compute arrow_acero arrow_dataset arrow_s3 parquet)
  file(GLOB candidates "${NSTARX_ARROW_LIBDIR}/lib${library}.so.*")
  list(GET candidates 0 location)
  add_library(nstarx::${library} SHARED IMPORTED)
  set_target_properties(nstarx::${library} PROPERTIES
    IMPORTED_LOCATION "${location}"
    INTERFACE_INCLUDE_DIRECTORIES "${NSTARX_ARROW_INCLUDE}")
endforeach()

# ADBC's driver manager comes as source in its Python wheel.
execute_process(
  COMMAND ${NSTARX_PYTHON} -c "import importlib.util as u; print(u.find_spec('adbc_driver_manager').submodule_search_locations[0])"
  OUTPUT_VARIABLE NSTARX_ADBC_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
add_library(nstarx_adbc_manager STATIC
  ${NSTARX_ADBC_DIR}/adbc_driver_manager.cc ${NSTARX_ADBC_DIR}/adbc_driver_manager_api.cc
  ${NSTARX_ADBC_DIR}/adbc_driver_manager_driver_loading.cc ${NSTARX_ADBC_DIR}/adbc_driver_manager_profiles.cc)
target_include_directories(nstarx_adbc_manager SYSTEM PUBLIC ${NSTARX_ADBC_DIR})
target_compile_options(nstarx_adbc_manager PRIVATE -w)
target_link_libraries(nstarx_adbc_manager PUBLIC ${CMAKE_DL_LIBS})
add_library(nstarx::adbc_manager ALIAS nstarx_adbc_manager)

set(NSTARX_DEPS_DIR "${CMAKE_SOURCE_DIR}/build/deps" CACHE PATH "Where ./run puts what no system package has")
add_library(nstarx::duckdb SHARED IMPORTED)
set_target_properties(nstarx::duckdb PROPERTIES
  IMPORTED_LOCATION "${NSTARX_DEPS_DIR}/duckdb/lib/libduckdb.so"
  INTERFACE_INCLUDE_DIRECTORIES "${NSTARX_DEPS_DIR}/duckdb/include")

# Pulsar's client library comes in its Python wheel, without headers; it is loaded at its first use, found as the others.
execute_process(
  COMMAND ${NSTARX_PYTHON} -c "import sysconfig; print(sysconfig.get_paths()['platlib'])"
  OUTPUT_VARIABLE NSTARX_SITE_PACKAGES OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(NSTARX_PULSAR_LIBDIR "${NSTARX_SITE_PACKAGES}/pulsar_client.libs")
file(GLOB NSTARX_PULSAR_LIBRARY "${NSTARX_PULSAR_LIBDIR}/libpulsar-*.so")
if(NOT NSTARX_PULSAR_LIBRARY)
  message(FATAL_ERROR "no libpulsar in ${NSTARX_PULSAR_LIBDIR}: install packaging/requirements.txt")
endif()
get_filename_component(NSTARX_PULSAR_LIBRARY "${NSTARX_PULSAR_LIBRARY}" NAME)
add_library(nstarx_pulsar INTERFACE)
target_compile_definitions(nstarx_pulsar INTERFACE NSTARX_LIBPULSAR="${NSTARX_PULSAR_LIBRARY}")
target_link_libraries(nstarx_pulsar INTERFACE ${CMAKE_DL_LIBS})
add_library(nstarx::pulsar ALIAS nstarx_pulsar)

set(CMAKE_BUILD_RPATH "${NSTARX_ARROW_LIBDIR};${NSTARX_DEPS_DIR}/duckdb/lib;${NSTARX_PULSAR_LIBDIR}")
