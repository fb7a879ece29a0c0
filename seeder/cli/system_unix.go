//go:build unix

package cli

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// owned refuses to write into the state folder of another user: the daemon could not read the files
// that would be made there.
func owned(state string) error {
	st, err := os.Stat(state)
	if err != nil {
		return nil // it is made on the way, and belongs to us
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || int(sys.Uid) == os.Geteuid() {
		return nil
	}
	name := strconv.Itoa(int(sys.Uid))
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return fmt.Errorf("%s belongs to the user %s: run this command as that user, as in sudo -u %s swarmseed …", state, name, name)
}

// othersMayRead reports whether other users can read a file.
func othersMayRead(st os.FileInfo) bool { return st.Mode().Perm()&0o077 != 0 }
