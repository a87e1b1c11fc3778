# Compiles CLASSES by JAVAC into JAR, and writes JAR's bytes as C++ into BYTES, for an array that ends with a zero.
set(hex "")
if(JAVAC)
  file(REMOVE_RECURSE ${FOLDER})
  file(MAKE_DIRECTORY ${FOLDER})
  execute_process(COMMAND ${JAVAC} -Xlint:all -Werror --release 17 -encoding UTF-8 -g:source,lines -d ${FOLDER} ${CLASSES}
                  COMMAND_ERROR_IS_FATAL ANY)
  # The same sources make the same bytes.
  execute_process(COMMAND ${CMAKE_COMMAND} -E tar cf ${JAR} --format=zip "--mtime=2026-01-01 00:00:00 UTC" nstarx
                  WORKING_DIRECTORY ${FOLDER} COMMAND_ERROR_IS_FATAL ANY)
  file(READ ${JAR} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," hex "${hex}")
endif()
file(WRITE ${BYTES} "${hex}0\n")
