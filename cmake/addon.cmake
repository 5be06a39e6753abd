# lp_reg.node: the Node-API binding. It opens liblpreg.so beside it at run time and does not link it.
file(GLOB addon_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/addon/*.cpp")

# The headers of Node-API are a package, so that no Node needs to bring its own and nothing is downloaded.
find_program(NODE_EXECUTABLE node REQUIRED)
function(ask_node expression result)
  execute_process(
    COMMAND "${NODE_EXECUTABLE}" -p "${expression}"
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

ask_node("require('node-api-headers').include_dir" node_api_directory)
ask_node("require('node-addon-api').include_dir" node_addon_api_directory)

add_library(lp_reg MODULE ${addon_sources})
add_dependencies(lp_reg lpreg)
target_include_directories(lp_reg PRIVATE "${PROJECT_SOURCE_DIR}/native" "${PROJECT_SOURCE_DIR}/native/include")
target_include_directories(lp_reg SYSTEM PRIVATE "${node_api_directory}" "${node_addon_api_directory}")
# Without the last definition an exception that meets a terminating worker ends the whole process.
target_compile_definitions(lp_reg PRIVATE
  NAPI_VERSION=8
  NAPI_CPP_EXCEPTIONS
  NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
target_link_libraries(lp_reg PRIVATE lpreg_options ${CMAKE_DL_LIBS})
export_only(lp_reg napi_register_module_v1 node_api_module_get_api_version_v1)
embed_cxx_runtime(lp_reg)
if(LPREG_SANITIZE)
  target_link_options(lp_reg PRIVATE -Wl,-z,nodelete)  # as the library: see there
endif()
if(APPLE)
  # The symbols of Node-API come from the node that loads the addon.
  target_link_options(lp_reg PRIVATE -undefined dynamic_lookup)
endif()
set_target_properties(lp_reg PROPERTIES
  PREFIX "" SUFFIX ".node"
  LIBRARY_OUTPUT_DIRECTORY "${LPREG_OUTPUT_DIRECTORY}")
