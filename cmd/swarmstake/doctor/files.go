package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

// When to speak up.
const (
	diskFailure = 256 << 20      // bytes free
	diskWarning = 2 << 30        // … or less than a tenth of the file system
	backupOld   = 48 * time.Hour // a daily backup that failed twice
	maxNamed    = 5              // files named in one finding
)

// checkData reports whether there is a folder to look at.
func (d *examiner) checkData() bool {
	dir := d.conf.Data
	if dir == "" {
		d.bad("data", "no data folder is named", "Name with --data, or data in the configuration, the folder that 'swarmstake serve' uses")
		return false
	}
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.bad("data", "there is no folder "+dir, "Name the folder that 'swarmstake serve' uses; its first start makes it")
		return false
	case err != nil:
		d.bad("data", err.Error(), "Run the doctor as the user that runs the server")
		return false
	case !st.IsDir():
		d.bad("data", dir+" is no folder", "Name the folder that 'swarmstake serve' uses")
		return false
	}
	if _, err := os.ReadDir(dir); err != nil {
		d.bad("data", err.Error(), "Run the doctor as the user that runs the server")
		return false
	}
	d.good("data", "%s", dir)
	return true
}

// checkModes looks for what other users of this machine could read: members' secrets, keys, the socket
// that makes operators.
func (d *examiner) checkModes() {
	dir, open := d.conf.Data, []string(nil)
	if st, err := os.Stat(dir); err == nil && st.Mode().Perm()&0o077 != 0 {
		d.warn("modes", fmt.Sprintf("others can look into %s (mode %04o)", dir, st.Mode().Perm()), "chmod 700 "+dir)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && path != dir && e.Type()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			open = append(open, fmt.Sprintf("%s (%04o)", strings.TrimPrefix(path, dir+"/"), info.Mode().Perm()))
		}
		return nil // it may be gone by now
	})
	switch {
	case err != nil:
		d.bad("modes", err.Error(), "Run the doctor as the user that runs the server; what belongs to another user goes back with chown")
	case len(open) > 0:
		d.bad("modes", "other users of this machine can read or write "+some(open), "chmod -R go= "+dir+"; if somebody may have read them, replace the keys")
	default:
		d.good("modes", "what lies in the data folder is for its owner only")
	}
	d.checkKeyMode()
}

// checkKeyMode looks at a certificate's key outside the data folder.
func (d *examiner) checkKeyMode() {
	key := d.conf.TLS.Key
	if key == "" {
		return
	}
	st, err := os.Stat(key)
	switch {
	case err != nil:
		d.bad("modes", "tls.key: "+err.Error(), "Name a file that the server's user can read")
	case st.Mode().Perm()&0o007 != 0:
		d.bad("modes", fmt.Sprintf("everybody on this machine can read %s (mode %04o)", key, st.Mode().Perm()), "chmod 400 "+key+", and have the certificate issued anew with another key")
	}
}

func some(list []string) string {
	if len(list) > maxNamed {
		return strings.Join(list[:maxNamed], ", ") + fmt.Sprintf(" and %d more", len(list)-maxNamed)
	}
	return strings.Join(list, ", ")
}

func (d *examiner) checkDisk() {
	dir := d.conf.Data
	free, size, err := server.DiskSpace(dir)
	if err != nil {
		d.bad("disk", err.Error(), "")
		return
	}
	text := fmt.Sprintf("%s of %s free", shown(free), shown(size))
	do := "Make room or take a larger disk: without space payments are refused, and announces go on until the journal is full"
	switch {
	case free < diskFailure:
		d.bad("disk", text, do)
	case free < diskWarning || free < size/10:
		d.warn("disk", text, do)
	default:
		d.good("disk", "%s", text)
	}
	d.fileSystem(dir)
	if used := folderBytes(filepath.Join(dir, "journal")); free+used < d.conf.Server.JournalBytes {
		d.warn("journal", fmt.Sprintf("it may grow to %s, and %s are free", shown(d.conf.Server.JournalBytes), shown(free)), "Make room, or lower server.journal_bytes")
	}
}

// fileSystem judges what the data folder lies on.
func (d *examiner) fileSystem(dir string) {
	kind, err := fileSystemKind(dir)
	switch {
	case err != nil || kind == "":
	case remote[kind]:
		d.bad("disk", "the data folder lies on "+kind+": the database needs locks and shared memory of a local disk", "Put it on a local disk, such as ext4 or XFS")
	case kind == "tmpfs":
		d.warn("disk", "the data folder lies in memory (tmpfs): it is gone with the next start of the machine", "Put it on a disk")
	case kind == "btrfs" || kind == "zfs":
		d.warn("disk", "the data folder lies on "+kind+", which writes to new places: a full disk can end the server in the midst of a write", "Keep room free, or put it on ext4 or XFS")
	}
}

var remote = map[string]bool{"nfs": true, "cifs": true, "smb": true, "9p": true, "ceph": true}

// folderBytes is what the files of a folder take.
func folderBytes(dir string) (sum int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0 // there is none yet
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

func (d *examiner) checkBackup() {
	const do = "Have 'swarmstake backup create FILE --data DIR' run every day, and copy the file to another machine"
	note, err := server.LastBackup(d.conf.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.warn("backup", "none was made with 'swarmstake backup create'", do)
		return
	case err != nil:
		d.warn("backup", err.Error(), do)
		return
	}
	if age := time.Since(note.At); age > backupOld {
		d.warn("backup", fmt.Sprintf("the last one is %d days old (%s)", int(age.Hours()/24), note.File), do)
		return
	}
	text := fmt.Sprintf("the last one was made at %s (%s)", note.At.Format(time.RFC3339), note.File)
	if sameDisk(note.File, d.conf.Data) { // no warning: whether there is a copy elsewhere cannot be seen from here
		text += ", on the disk that it is to replace: see that it is copied to another machine"
	}
	d.good("backup", "%s", text)
}

// shown is a number of bytes for people.
func shown(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	default:
		return fmt.Sprintf("%d MiB", n>>20)
	}
}
