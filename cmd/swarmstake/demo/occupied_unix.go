//go:build unix

package demo

import (
	"os"
	"syscall"
)

// occupied returns the bytes that are really on disk of a file that may have holes.
func occupied(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return min(int64(sys.Blocks)*512, st.Size())
	}
	return st.Size()
}
