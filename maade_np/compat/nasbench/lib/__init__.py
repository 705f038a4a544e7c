"""The modules of ``nasbench.lib`` that need no TensorFlow: config, graph_util, model_spec."""
