complete --keep-order --exclusive --command rocketman --arguments "(_ROCKETMAN_COMPLETE=fish rocketman -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
