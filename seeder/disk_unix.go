//go:build unix

package seeder

import (
	"golang.org/x/sys/unix"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// sameDisk reports whether two folders are on one file system.
func sameDisk(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev
}

// DiskFree is what this process may still write on the disk of a folder.
func DiskFree(folder string) (bt.Bytes, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		return 0, err
	}
	return bt.Bytes(st.Bavail) * bt.Bytes(st.Bsize), nil
}
