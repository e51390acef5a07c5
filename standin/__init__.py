"""The bundled stand-in: tiny language models of the project's own, and the server that serves one."""
