package cli

import "os"

// owned has nothing to refuse: files inherit who may read them from their folder.
func owned(string) error { return nil }

// othersMayRead is not told by the mode of a file here.
func othersMayRead(os.FileInfo) bool { return false }
