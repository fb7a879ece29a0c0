package cli

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/locate"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// How a torrent was matched with the tracker's.
const (
	byHash        = "info-hash"
	byNameAndSize = "name and size"
	byName        = "name"
)

// matched is what was found on disk with those of the tracker's torrents that it may be. None: it is
// not on the tracker.
type matched struct {
	name, path string // path of its .torrent; empty: only data was found
	size       bt.Bytes
	how        string
	torrents   []seeder.MarketTorrent
	hints      []locate.Hint
}

// match compares what was found with the market. Data without a .torrent is looked for by its name
// right below the folders.
func match(found []locate.Torrent, market []seeder.MarketTorrent, folders []string) (out []matched) {
	type file struct {
		name string
		size bt.Bytes
	}
	hashes, names := map[string]seeder.MarketTorrent{}, map[file][]seeder.MarketTorrent{}
	for _, t := range market {
		hashes[strings.ToLower(t.InfoHash)] = t
		key := file{t.Name, t.Size}
		names[key] = append(names[key], t)
	}
	taken := map[string]bool{}
	for _, f := range found {
		m := matched{name: f.Name, path: f.Path, size: f.Size, hints: []locate.Hint{f.Hint()}}
		if t, ok := hashes[f.InfoHash.String()]; ok {
			m.how, m.torrents = byHash, []seeder.MarketTorrent{t}
		} else if same := names[file{f.Name, f.Size}]; len(same) > 0 {
			m.how, m.torrents = byNameAndSize, same
		}
		for _, t := range m.torrents {
			taken[t.InfoHash] = true
		}
		out = append(out, m)
	}
	for _, t := range market {
		if !taken[t.InfoHash] && lies(t.Name, folders) {
			out = append(out, matched{name: t.Name, size: t.Size, how: byName, torrents: []seeder.MarketTorrent{t}})
		}
	}
	return out
}

// lies reports whether one of the folders has an entry of a name. The name is the server's word: it
// must not lead out of the folder.
func lies(name string, folders []string) bool {
	if name == "" || name == "." || strings.ContainsAny(name, "/\\\x00") || !filepath.IsLocal(name) {
		return false
	}
	for _, folder := range folders {
		if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
			return true
		}
	}
	return false
}
