package seeder

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// sameDisk reports whether two folders are on one drive.
func sameDisk(a, b string) bool {
	return strings.EqualFold(filepath.VolumeName(a), filepath.VolumeName(b))
}

// DiskFree is what this process may still write on the disk of a folder.
func DiskFree(folder string) (bt.Bytes, error) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, err
	}
	return bt.Bytes(min(free, 1<<62)), nil
}
