{
  "targets": [{
    "target_name": "native",
    "type": "none",
    "actions": [{
      "action_name": "compile",
      "inputs": ["CMakeLists.txt", "scripts/compile.mjs"],
      "outputs": ["<(PRODUCT_DIR)/lp_reg.node"],
      "action": ["node", "<(module_root_dir)/scripts/compile.mjs", "--verbose", "--output", "<(PRODUCT_DIR)"]
    }]
  }]
}
