{
  "targets": [{
    "target_name": "native",
    "type": "none",
    "actions": [{
      "action_name": "configure",
      "inputs": ["CMakeLists.txt"],
      "outputs": ["<(module_root_dir)/build/gyp/CMakeCache.txt"],
      "action": [
        "cmake", "-S", "<(module_root_dir)", "-B", "<(module_root_dir)/build/gyp",
        "-DCMAKE_BUILD_TYPE=<(CONFIGURATION_NAME)",
        "-DNODE_INCLUDE_DIR=<(node_root_dir)/include/node"
      ]
    }, {
      "action_name": "build",
      "inputs": ["<(module_root_dir)/build/gyp/CMakeCache.txt"],
      "outputs": ["<(PRODUCT_DIR)/lp_reg.node"],
      "action": [
        "cmake", "--build", "<(module_root_dir)/build/gyp", "--config", "<(CONFIGURATION_NAME)", "--parallel", "4"
      ]
    }]
  }]
}
