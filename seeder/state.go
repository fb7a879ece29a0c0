package seeder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/seeder/schedule"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	nodeFile       = "node.json"
	settingsFile   = "config.json"
	torrentsFolder = "torrents"
	engineFolder   = "engine"
	torrentSuffix  = ".torrent"
	// maxStateFile bounds node.json and config.json.
	maxStateFile = 1 << 20
	// MaxPinned bounds the torrents pinned by hand.
	MaxPinned = 10_000
)

// ErrNotPaired is returned by Run for a state folder that belongs to no node yet.
var ErrNotPaired = errors.New("this folder is not paired with a server yet: run `swarmseed join URL --code CODE` with a code from the website")

// NodeInfo is what pairing left behind.
type NodeInfo struct {
	Server   string    `json:"server"`             // where requests go
	Audience string    `json:"audience,omitempty"` // what the server calls itself
	NodeID   bt.NodeID `json:"node_id"`
	Member   string    `json:"member"`
	Name     string    `json:"name,omitempty"`
}

// Settings are what the operator asked for, kept between runs. A running daemon follows all of them
// within seconds but the listening address, the folders and the dashboard's address.
type Settings struct {
	DataDir      string   `json:"data_dir"`
	Folders      []string `json:"folders,omitempty"` // beside DataDir; new torrents go where most is free
	ListenAddr   string   `json:"listen"`
	QuotaBytes   int64    `json:"quota_bytes"`               // of all folders together
	KeepFree     int64    `json:"keep_free_bytes,omitempty"` // on each disk; 0: DefaultKeepFree
	UploadRate   int64    `json:"upload_bytes_per_second"`   // 0: unlimited
	DownloadRate int64    `json:"download_bytes_per_second"` // 0: unlimited

	Schedule    []schedule.Window `json:"schedule,omitempty"`                  // where one holds, its rates instead
	MaxConns    int               `json:"max_connections,omitempty"`           // of all torrents together; 0: DefaultMaxConns
	Courtesy    *int64            `json:"courtesy_bytes_per_second,omitempty"` // for peers that the tracker does not know as paid up; nil: DefaultCourtesy; 0: nothing; -1: everybody is served alike
	Paused      bool              `json:"paused,omitempty"`
	PausedUntil time.Time         `json:"paused_until,omitzero"` // zero: until told otherwise

	Auto      bool              `json:"auto"`
	Pinned    []string          `json:"pinned"`
	Interests []choose.Interest `json:"interests,omitempty"`
	Spend     int64             `json:"spend_utok_per_day,omitempty"` // on downloads that nobody pinned by hand; 0: only what is free
	MinHold   int64             `json:"min_hold_seconds,omitempty"`   // 0: the chooser's default
	Scrub     int64             `json:"scrub_seconds,omitempty"`      // all data is hashed again in this time; 0: DefaultScrub

	NoRepair  bool   `json:"no_repair,omitempty"`    // what is damaged is left out of the claim and not fetched again
	Dashboard string `json:"dashboard,omitempty"`    // IP:port; empty: DefaultDashboard; "off"
	Webhook   string `json:"webhook_url,omitempty"`  // told of alerts; empty: nobody
	StopSpan  int64  `json:"stop_seconds,omitempty"` // maintenance declared when the daemon is told to end; 0: none
}

// LoadNode reads the node of a state folder; ErrNotPaired if there is none.
func LoadNode(stateDir string) (n NodeInfo, err error) {
	err = readJSON(filepath.Join(stateDir, nodeFile), &n)
	if errors.Is(err, fs.ErrNotExist) {
		return n, ErrNotPaired
	}
	if err == nil && (n.Server == "" || n.NodeID == 0) {
		err = fmt.Errorf("%s names no server and node; pair again", filepath.Join(stateDir, nodeFile))
	}
	return n, err
}

// SaveNode records a pairing.
func SaveNode(stateDir string, n NodeInfo) error {
	return writeJSON(filepath.Join(stateDir, nodeFile), n)
}

// LoadSettings reads the operator's settings; without any, the zero Settings.
func LoadSettings(stateDir string) (s Settings, err error) {
	err = readJSON(filepath.Join(stateDir, settingsFile), &s)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	return s, err
}

// SaveSettings replaces the operator's settings; a running daemon takes over the pinned list.
func SaveSettings(stateDir string, s Settings) error {
	return writeJSON(filepath.Join(stateDir, settingsFile), s)
}

// Pin adds a torrent to the settings; false: it was pinned already. Where its data is missing the
// daemon no longer waits for it, but fetches it again.
func Pin(stateDir string, ih bt.InfoHash) (bool, error) {
	if err := fetchAgain(stateDir, ih); err != nil {
		return false, err
	}
	return editPinned(stateDir, func(pinned []string) ([]string, error) {
		if slices.Contains(pinned, ih.String()) {
			return pinned, nil
		}
		if len(pinned) >= MaxPinned {
			return nil, fmt.Errorf("%d torrents are pinned already; that is the most", MaxPinned)
		}
		return append(pinned, ih.String()), nil
	})
}

// fetchAgain forgets where a torrent's data was, if it is there no more.
func fetchAgain(stateDir string, ih bt.InfoHash) error {
	rec, err := LoadRecord(stateDir, ih)
	if err != nil || !rec.expected() {
		return err
	}
	raw, err := os.ReadFile(torrentPath(stateDir, ih))
	if err != nil {
		return nil // it was not hosted yet
	}
	if f, err := engine.ParseFile(raw); err != nil || len(absent(f, rec)) == 0 {
		return nil
	}
	rec.Import, rec.Whole, rec.Dir, rec.Files, rec.Scrub = false, false, "", nil, Scrub{}
	rec.Worn = Worn{}
	return SaveRecord(stateDir, ih, rec)
}

// Unpin removes a torrent from the settings; false: it was not pinned.
func Unpin(stateDir string, ih bt.InfoHash) (bool, error) {
	return editPinned(stateDir, func(pinned []string) ([]string, error) {
		return slices.DeleteFunc(slices.Clone(pinned), func(s string) bool { return strings.EqualFold(s, ih.String()) }), nil
	})
}

func editPinned(stateDir string, edit func([]string) ([]string, error)) (changed bool, err error) {
	s, err := LoadSettings(stateDir)
	if err != nil {
		return false, err
	}
	pinned, err := edit(s.Pinned)
	if err != nil || len(pinned) == len(s.Pinned) {
		return false, err
	}
	s.Pinned = pinned
	return true, SaveSettings(stateDir, s)
}

func readJSON(path string, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size() > maxStateFile {
		return errors.Join(err, fmt.Errorf("%s is larger than %d bytes", path, maxStateFile))
	}
	if err := json.NewDecoder(f).Decode(v); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	if err := writeFile(path, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// torrentPath holds a .torrent with the member's announce key, hence mode 0600.
func torrentPath(stateDir string, ih bt.InfoHash) string {
	return filepath.Join(stateDir, torrentsFolder, ih.String()+torrentSuffix)
}

// SavedTorrent is one hosted torrent of a state folder.
type SavedTorrent struct {
	File *engine.File
	Raw  []byte
}

// SavedTorrents reads the .torrent files of a state folder, ordered by info-hash. Unreadable ones are
// returned as errors beside the rest: they can be fetched again.
func SavedTorrents(stateDir string) (saved []SavedTorrent, bad []error) {
	paths, _ := filepath.Glob(filepath.Join(stateDir, torrentsFolder, "*"+torrentSuffix))
	slices.Sort(paths)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		f, err := engine.ParseFile(raw)
		if err == nil && filepath.Base(path) != f.InfoHash.String()+torrentSuffix {
			err = fmt.Errorf("it is torrent %s", f.InfoHash)
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", filepath.Base(path), err))
			continue
		}
		saved = append(saved, SavedTorrent{File: f, Raw: raw})
	}
	return saved, bad
}

func saveTorrent(stateDir string, ih bt.InfoHash, raw []byte) error {
	path := torrentPath(stateDir, ih)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the torrents folder: %w", err)
	}
	if err := writeFile(path, raw, 0o600); err != nil {
		return fmt.Errorf("saving the .torrent: %w", err)
	}
	return nil
}
