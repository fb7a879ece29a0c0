package seeder

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Defaults of Settings.
const (
	// DefaultQuota is the space a node offers unless told otherwise (PROTOCOLS §4: works from 5 GB).
	DefaultQuota = 5_000_000_000
	// DefaultKeepFree is left free on every disk: a full disk breaks more than this daemon.
	DefaultKeepFree = 1_000_000_000
	// DefaultMaxConns is what a small board carries.
	DefaultMaxConns = 500
	// DefaultCourtesy is enough to be audited by, and too little to download with.
	DefaultCourtesy = 32 << 10
	// DefaultScrub is how long it takes until all data was hashed again, as far as maxScrubRate allows.
	DefaultScrub = 7 * 24 * time.Hour
	// DefaultDashboard is the next port after the one for peers.
	DefaultDashboard = "127.0.0.1:51414"
	// DashboardOff is for Settings.Dashboard.
	DashboardOff = "off"
)

// Config runs a daemon. What it says beside the folder and the callbacks overrides the Settings there
// for this run; zero values leave them as they are.
type Config struct {
	StateDir     string
	DataDir      string   // where torrents' files lie, also an existing folder of data; empty: StateDir/data
	ListenAddr   string   // IP:port for peers; empty: [::]:51413
	QuotaBytes   int64    // sum of the sizes of all hosted torrents never exceeds it; 0: DefaultQuota
	UploadRate   int64    // bytes/s
	DownloadRate int64    // bytes/s
	Pinned       []string // info-hashes, beside those pinned in the state folder
	Auto         bool     // fill the rest of the quota with what promises to earn most
	Dashboard    string   // IP:port or DashboardOff
	// Override changes the Settings after all else, each time that they are read; nil: not.
	Override func(*Settings)

	ReportEvery    time.Duration // until the server says how often; 60 s
	ReconcileEvery time.Duration // how often settings are read and carried out; 2 s
	AutoEvery      time.Duration // how often the market is looked at; 5 min
	AskEvery       time.Duration // how often the server is asked for earnings and audits; 60 s; negative: never, and faults that audits find go unnoticed
	ScrubEvery     time.Duration // in how long all data is hashed again; 0: as the settings say
	DiskEvery      time.Duration // how often disks and files are looked at; 10 s

	Progress func(Progress)   // verifying and downloading, for people; nil: not told
	Logger   *slog.Logger     // nil: none
	HTTP     *http.Client     // for the API; nil: a client with a timeout, from ListenAddr's IP
	Now      func() time.Time // nil: time.Now
}

// Phase is what a Progress is about.
type Phase string

// The phases of a torrent that take time.
const (
	Verifying   Phase = "verifying"
	Downloading Phase = "downloading"
)

// Progress says how far one torrent is.
type Progress struct {
	InfoHash    bt.InfoHash
	Name        string
	Phase       Phase
	Done, Total bt.Bytes
}

const (
	// DefaultListen is the port that most clients use, over IPv4 and IPv6.
	DefaultListen = "[::]:51413"

	defaultReportEvery    = time.Minute
	defaultReconcileEvery = 2 * time.Second
	defaultAutoEvery      = 5 * time.Minute
	defaultAskEvery       = time.Minute
	defaultDiskEvery      = 10 * time.Second
)

func (c *Config) complete() error {
	if c.StateDir == "" {
		return errors.New("the daemon needs a state folder")
	}
	if c.QuotaBytes < 0 {
		return fmt.Errorf("quota %d: want a positive number of bytes", c.QuotaBytes)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, p := range c.Pinned {
		if _, err := bt.ParseInfoHash(p); err != nil {
			return fmt.Errorf("pinned torrents: %w", err)
		}
	}
	c.ReportEvery = or(c.ReportEvery, defaultReportEvery)
	c.ReconcileEvery = or(c.ReconcileEvery, defaultReconcileEvery)
	c.AutoEvery = or(c.AutoEvery, defaultAutoEvery)
	if c.AskEvery >= 0 {
		c.AskEvery = or(c.AskEvery, defaultAskEvery)
	}
	c.DiskEvery = or(c.DiskEvery, defaultDiskEvery)
	return nil
}

// settings are what holds for this run: the stored ones, this Config's over them, and defaults for
// what neither says.
func (c *Config) settings(stored Settings) Settings {
	s := stored
	s.DataDir = cmp.Or(c.DataDir, s.DataDir, filepath.Join(c.StateDir, "data"))
	s.ListenAddr = cmp.Or(c.ListenAddr, s.ListenAddr, DefaultListen)
	s.QuotaBytes = cmp.Or(c.QuotaBytes, s.QuotaBytes, DefaultQuota)
	s.UploadRate = cmp.Or(c.UploadRate, s.UploadRate)
	s.DownloadRate = cmp.Or(c.DownloadRate, s.DownloadRate)
	s.KeepFree = cmp.Or(s.KeepFree, DefaultKeepFree)
	s.MaxConns = cmp.Or(s.MaxConns, DefaultMaxConns)
	s.Scrub = cmp.Or(s.Scrub, int64(DefaultScrub/time.Second))
	s.Dashboard = cmp.Or(c.Dashboard, s.Dashboard, DefaultDashboard)
	s.Auto = s.Auto || c.Auto
	s.Pinned = append(slices.Clone(s.Pinned), c.Pinned...)
	if s.Courtesy == nil {
		courtesy := int64(DefaultCourtesy)
		s.Courtesy = &courtesy
	}
	if c.Override != nil {
		c.Override(&s)
	}
	s.sane()
	return s
}

// sane replaces what a file written by hand may say and nobody can mean. Folders are absolute: what lies
// in them is remembered, and the daemon may be started from elsewhere.
func (s *Settings) sane() {
	s.UploadRate, s.DownloadRate = max(0, s.UploadRate), max(0, s.DownloadRate)
	s.Spend, s.StopSpan = max(0, s.Spend), max(0, s.StopSpan)
	if s.KeepFree < 0 {
		s.KeepFree = DefaultKeepFree
	}
	if s.MaxConns < 0 {
		s.MaxConns = DefaultMaxConns
	}
	if s.Scrub < 0 {
		s.Scrub = int64(DefaultScrub / time.Second)
	}
	s.Folders = slices.Clone(s.Folders)
	for _, folder := range append([]*string{&s.DataDir}, pointers(s.Folders)...) {
		if abs, err := filepath.Abs(*folder); err == nil {
			*folder = abs
		}
	}
	s.Folders = slices.DeleteFunc(s.Folders, func(f string) bool { return f == s.DataDir })
}

func pointers(s []string) (out []*string) {
	for i := range s {
		out = append(out, &s[i])
	}
	return out
}

// chooses reports whether torrents are chosen that nobody named.
func (s Settings) chooses() bool { return s.Auto || len(s.Interests) > 0 }

// paused reports whether the operator has the node paused at a time.
func (s Settings) paused(now time.Time) bool {
	return s.Paused && (s.PausedUntil.IsZero() || now.Before(s.PausedUntil))
}

// folders are the torrent folders, the first one first.
func (s Settings) folders() []string { return append([]string{s.DataDir}, s.Folders...) }
