//go:build !linux

package doctor

// fileSystemKind is known on Linux only.
func fileSystemKind(string) (string, error) { return "", nil }

// sameDisk is known on Linux only.
func sameDisk(string, string) bool { return false }
