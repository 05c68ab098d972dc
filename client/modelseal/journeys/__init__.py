"""What people do, one module each, to be read downward. The commands and `import modelseal` call the same functions."""
