//go:build unix

package doctor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// descriptorsLeast is what a small tracker needs: connections, database, journal.
const descriptorsLeast = 4096

// checkDescriptors looks at the hard limit, up to which a Go program goes by itself. It is this process's,
// which is the server's only if the same user starts both in the same way.
func (d *examiner) checkDescriptors() {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		d.warn("descriptors", err.Error(), "")
		return
	}
	const do = "Raise it: LimitNOFILE= in the systemd unit, ulimits in compose.yaml"
	switch most := uint64(r.Max); {
	case most < uint64(d.conf.Limits.Connections):
		d.bad("descriptors", fmt.Sprintf("at most %d may be open here, and limits.connections is %d", most, d.conf.Limits.Connections), do+", or lower limits.connections")
	case most < descriptorsLeast:
		d.warn("descriptors", fmt.Sprintf("at most %d may be open here: so many connections are answered at once, less some", most), do)
	default:
		d.good("descriptors", "at least %d may be open here", descriptorsLeast)
	}
}
