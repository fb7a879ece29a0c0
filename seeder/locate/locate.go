// Package locate finds torrents and their data on this machine's disks: those that other BitTorrent
// clients have, and those whose files were moved or renamed.
//
// [Scan] reads a folder of .torrent files, or the folder in which qBittorrent, Transmission, rTorrent
// or Deluge keeps its session, and says where the client keeps each torrent's data. [Index.Find] looks
// for the data of one torrent: where a [Hint] says, in the usual layout, and then anywhere below some
// folders, by name and size and by hashing pieces.
//
// The promises:
//
//   - Nothing is written. What is read is bounded by named limits, however large the disk is.
//   - A place counts only if some piece of the torrent is right there, and a file found alone only if
//     a piece with its bytes is: a place may be repaired later, which must not overwrite somebody's
//     other file of the same size.
//   - A place found is where to look, not a verification: the caller hashes all of it before it
//     tells anybody that it has it.
package locate

import (
	"maps"
	"slices"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Torrent is one .torrent file on disk.
type Torrent struct {
	Path     string      // of the .torrent file
	InfoHash bt.InfoHash // v1, or truncated v2 when there is no v1
	Name     string      // the file or folder it makes
	Size     bt.Bytes    // without padding
	Files    []engine.FilePart
	// SavePath is the folder that holds the torrent's file or folder, as its client says; empty if
	// no client says it.
	SavePath string
	// Renamed says where files lie that their client keeps under another path than the torrent's:
	// by index in Files, the absolute path.
	Renamed map[int]string

	align bt.Bytes // v2 and hybrid: the piece length, to which files are padded; else 0
}

// Hint says where to look for the data of this torrent, or of another one with the same files.
func (t Torrent) Hint() Hint {
	h := Hint{Dir: t.SavePath}
	if len(t.Renamed) > 0 {
		h.Files = make([]string, len(t.Files))
		for _, i := range slices.Sorted(maps.Keys(t.Renamed)) {
			h.Files[i] = t.Renamed[i]
		}
	}
	return h
}

// Hint is where a torrent's data is said to lie, in the terms of engine.AddOptions.
type Hint struct {
	Dir   string   // absolute: the folder that holds the torrent's file or folder; empty: only Files count
	Files []string // absolute path of each file in the torrent's order; nil or an empty entry: the usual place under Dir
}

// Place is where a torrent's data was found, in the terms of engine.AddOptions.
type Place struct {
	Dir string // the folder that holds the torrent's file or folder, and what is missing of it
	// Files is the absolute path of each file in the order of engine.File.Files; an empty entry means
	// the usual place under Dir, and nil means that of all.
	Files []string
	// Present counts the bytes of files that are there with their full size.
	Present bt.Bytes
	// MissingFiles counts the files of at least one byte that are not.
	MissingFiles int
}
