package seeder

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// space is what is offered, used and left.
func (d *Daemon) space(s Settings) dashboard.Space {
	out := dashboard.Space{Quota: bt.Bytes(s.QuotaBytes), Folders: []dashboard.Folder{}}
	used := map[string]bt.Bytes{}
	for _, h := range d.snapshot() {
		out.Used += h.file.Size
		used[d.folderOf(h.folder())] += h.onDisk()
	}
	for _, path := range s.folders() {
		f := dashboard.Folder{Path: path, Used: used[path]}
		var err error
		if f.Free, err = DiskFree(path); err != nil {
			f.Problem = err.Error()
		}
		if d.disks.gone(path) {
			f.Problem = "it is gone; is the disk there?"
		}
		out.Folders = append(out.Folders, f)
	}
	return out
}

// health is every check that the daemon can make by itself. known is locked.
func (d *Daemon) health(v dashboard.View, k *knowledge, s Settings) []dashboard.Check {
	out := []dashboard.Check{serverCheck(v.Server)}
	out = append(out, k.ports...)
	out = append(out, diskChecks(v.Space, bt.Bytes(s.KeepFree))...)
	out = append(out, ClockCheck(d.client.ClockOff()), dataCheck(v.Torrents),
		dashboard.Check{Name: "version", Level: dashboard.Good, Text: v.Node.Version})
	return out
}

func serverCheck(s dashboard.Server) dashboard.Check {
	c := dashboard.Check{Name: "server", Level: dashboard.Good, Text: "reached"}
	switch {
	case s.Since.IsZero():
		c.Level, c.Text = dashboard.Unknown, "not asked yet"
	case !s.Reached:
		c.Level, c.Text, c.Do = dashboard.Bad, s.Problem, "seeding goes on; it is tried again by itself"
	}
	return c
}

func diskChecks(s dashboard.Space, keep bt.Bytes) (out []dashboard.Check) {
	for _, f := range s.Folders {
		c := dashboard.Check{Name: "disk", Level: dashboard.Good, Text: fmt.Sprintf("%s: %s free", f.Path, Size(f.Free))}
		switch {
		case f.Problem != "":
			c.Level, c.Text, c.Do = dashboard.Bad, f.Path+": "+f.Problem, "mount the disk again: its torrents come back by themselves"
		case f.Free < keep:
			c.Level, c.Do = dashboard.Bad, fmt.Sprintf("%s are kept free: downloads wait; free some space or lower the quota", Size(keep))
		case f.Free < 2*keep:
			c.Level, c.Do = dashboard.Warn, "the disk is filling up"
		}
		out = append(out, c)
	}
	return out
}

// ClockCheck says what a difference to the server's clock means.
func ClockCheck(off time.Duration) dashboard.Check {
	if off == 0 {
		return dashboard.Check{Name: "clock", Level: dashboard.Good, Text: "agrees with the server's"}
	}
	return dashboard.Check{Name: "clock", Level: dashboard.Warn, Text: fmt.Sprintf("%s away from the server's", off.Abs().Round(time.Second)),
		Do: "set this machine's clock right; until then the server's time is used"}
}

func dataCheck(ts []dashboard.Torrent) dashboard.Check {
	missing, damaged := 0, 0
	for _, t := range ts {
		switch t.State {
		case stateMissing:
			missing++
		case stateDamaged:
			damaged++
		}
	}
	switch {
	case missing > 0:
		return dashboard.Check{Name: "data", Level: dashboard.Bad, Text: fmt.Sprintf("%d torrents are missing on disk", missing), Do: "put their files back, or remove the torrents; they are looked for in all folders"}
	case damaged > 0:
		return dashboard.Check{Name: "data", Level: dashboard.Warn, Text: fmt.Sprintf("%d torrents are being repaired", damaged)}
	default:
		return dashboard.Check{Name: "data", Level: dashboard.Good, Text: "as it was verified"}
	}
}
