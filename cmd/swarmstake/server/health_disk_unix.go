//go:build unix

package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// DiskSpace is how many bytes a user may still write to a folder's file system, and its size.
func DiskSpace(dir string) (free, size int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("look for free space in %s: %w", dir, err)
	}
	block := int64(st.Bsize)
	return int64(st.Bavail) * block, int64(st.Blocks) * block, nil
}
