"""C++: register tiles, the compiler and its cache, and loops in runtime mode."""
