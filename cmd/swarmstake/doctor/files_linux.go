package doctor

import (
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileSystemKind names the kinds that matter to a database; empty: another.
func fileSystemKind(dir string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", err
	}
	return kinds[int64(st.Type)&0xffffffff], nil
}

// kinds are of statfs(2).
var kinds = map[int64]string{unix.NFS_SUPER_MAGIC: "nfs", 0xff534d42: "cifs", 0xfe534d42: "cifs", unix.SMB_SUPER_MAGIC: "smb", unix.V9FS_MAGIC: "9p",
	0x00c36400: "ceph", unix.TMPFS_MAGIC: "tmpfs", unix.BTRFS_SUPER_MAGIC: "btrfs", 0x2fc12fc1: "zfs"}

// sameDisk reports whether a file, if it is still where it was made, lies on a folder's file system.
func sameDisk(file, dir string) bool {
	var a, b syscall.Stat_t
	return filepath.IsAbs(file) && syscall.Stat(file, &a) == nil && syscall.Stat(dir, &b) == nil && a.Dev == b.Dev
}
