package seeder

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// DefaultQuota is the space a node offers unless told otherwise (PROTOCOLS §4: works from 5 GB).
const DefaultQuota = 5_000_000_000

// Config runs a daemon. Zero durations mean the defaults below.
type Config struct {
	StateDir     string
	DataDir      string   // where torrents' files lie, also an existing folder of data; empty: StateDir/data
	ListenAddr   string   // IP:port for peers; empty: 0.0.0.0:51413
	QuotaBytes   int64    // sum of the sizes of all hosted torrents never exceeds it; 0: DefaultQuota
	UploadRate   int64    // bytes/s; 0: unlimited
	DownloadRate int64    // bytes/s; 0: unlimited
	Pinned       []string // info-hashes, beside those pinned in the state folder
	Auto         bool     // fill the rest of the quota with what Choose picks

	ReportEvery    time.Duration // until the server says how often; 60 s
	ReconcileEvery time.Duration // how often the pinned list is looked at; 2 s
	AutoEvery      time.Duration // how often the public list is looked at; 5 min
	ScrubEvery     time.Duration // how often all data is hashed again; 24 h

	Progress func(Progress) // verifying and downloading, for people; nil: not told
	Logger   *slog.Logger   // nil: none
	HTTP     *http.Client   // for the API; nil: a client with a timeout, from ListenAddr's IP
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
	// DefaultListen is the port that most clients use.
	DefaultListen = "0.0.0.0:51413"

	defaultReportEvery    = time.Minute
	defaultReconcileEvery = 2 * time.Second
	defaultAutoEvery      = 5 * time.Minute
	defaultScrubEvery     = 24 * time.Hour
)

func (c *Config) complete() error {
	if c.StateDir == "" {
		return errors.New("the daemon needs a state folder")
	}
	if c.QuotaBytes < 0 {
		return fmt.Errorf("quota %d: want a positive number of bytes", c.QuotaBytes)
	}
	if c.QuotaBytes == 0 {
		c.QuotaBytes = DefaultQuota
	}
	if c.DataDir == "" {
		c.DataDir = filepath.Join(c.StateDir, "data")
	}
	if c.ListenAddr == "" {
		c.ListenAddr = DefaultListen
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, p := range c.Pinned {
		if _, err := bt.ParseInfoHash(p); err != nil {
			return fmt.Errorf("pinned torrents: %w", err)
		}
	}
	c.ReportEvery = or(c.ReportEvery, defaultReportEvery)
	c.ReconcileEvery = or(c.ReconcileEvery, defaultReconcileEvery)
	c.AutoEvery = or(c.AutoEvery, defaultAutoEvery)
	c.ScrubEvery = or(c.ScrubEvery, defaultScrubEvery)
	return nil
}
