# lp_reg.node: the Node-API binding. It opens liblpreg.so beside it at run time and does not link it.
file(GLOB addon_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/addon/*.cpp")

# cmake-js passes CMAKE_JS_INC and node-gyp NODE_INCLUDE_DIR; a plain cmake asks the node on PATH.
function(ask_node expression result)
  execute_process(
    COMMAND node -p "${expression}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_QUIET
    RESULT_VARIABLE failure)
  if(failure)
    message(FATAL_ERROR "lp-reg: node could not evaluate ${expression}. "
      "Run npm ci first, or build the library alone with -DLPREG_ADDON=OFF.")
  endif()
  set(${result} "${answer}" PARENT_SCOPE)
endfunction()

set(node_include_directories ${CMAKE_JS_INC})
if(NOT node_include_directories)
  set(node_include_directories ${NODE_INCLUDE_DIR})
endif()
if(NOT node_include_directories)
  ask_node("require('path').resolve(process.execPath, '../../include/node')" node_include_directories)
endif()
find_path(node_api_header node_api.h PATHS ${node_include_directories} NO_DEFAULT_PATH NO_CACHE)
if(NOT node_api_header)
  message(FATAL_ERROR "lp-reg: node_api.h is not in ${node_include_directories}. "
    "Pass -DNODE_INCLUDE_DIR=<node's include directory>.")
endif()
ask_node("require('node-addon-api').include_dir" node_addon_api_directory)

add_library(lp_reg MODULE ${addon_sources} ${CMAKE_JS_SRC})
add_dependencies(lp_reg lpreg)
target_include_directories(lp_reg PRIVATE "${PROJECT_SOURCE_DIR}/native" "${PROJECT_SOURCE_DIR}/native/include")
target_include_directories(lp_reg SYSTEM PRIVATE ${node_include_directories} "${node_addon_api_directory}")
# Without the last definition an exception that meets a terminating worker ends the whole process.
target_compile_definitions(lp_reg PRIVATE
  NAPI_VERSION=8
  NAPI_CPP_EXCEPTIONS
  NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
target_link_libraries(lp_reg PRIVATE lpreg_options ${CMAKE_DL_LIBS} ${CMAKE_JS_LIB})
export_only(lp_reg "${PROJECT_SOURCE_DIR}/cmake/lp_reg.map")
set_target_properties(lp_reg PROPERTIES
  PREFIX "" SUFFIX ".node"
  LIBRARY_OUTPUT_DIRECTORY "${LPREG_OUTPUT_DIRECTORY}")
