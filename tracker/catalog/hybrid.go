package catalog

import (
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// compareHybrid demands that both formats describe the same files in the same order, each at the
// same place (BEP 52, "Upgrade Path"): else the two swarms of one torrent would carry other data.
func compareHybrid(v1, v2 *Torrent) error {
	var offset bt.Bytes
	next := 0
	for _, f := range v1.Files {
		if !f.Pad {
			if next == len(v2.Files) {
				return refuse(RuleHybridMismatch, "%s is missing in the v2 file tree", showPath(f.Path))
			}
			if err := compareFile(f, v2.Files[next], offset, v1.PieceLength); err != nil {
				return err
			}
			next++
		}
		offset += f.Size
	}
	if next < len(v2.Files) {
		return refuse(RuleHybridMismatch, "%s is missing in the v1 list of files", showPath(v2.Files[next].Path))
	}
	if v1.numPieces != v2.numPieces {
		return refuse(RuleHybridMismatch, "%d pieces in v1, %d in v2", v1.numPieces, v2.numPieces)
	}
	return nil
}

func compareFile(v1, v2 File, offset, pieceLength bt.Bytes) error {
	switch {
	case !slices.Equal(v1.Path, v2.Path):
		return refuse(RuleHybridMismatch, "v1 has %s where v2 has %s", showPath(v1.Path), showPath(v2.Path))
	case v1.Size != v2.Size:
		return refuse(RuleHybridMismatch, "%s has %d bytes in v1, %d in v2", showPath(v1.Path), v1.Size, v2.Size)
	case !slices.Equal(v1.Symlink, v2.Symlink):
		return refuse(RuleHybridMismatch, "%s links to %s in v1, to %s in v2", showPath(v1.Path), showPath(v1.Symlink), showPath(v2.Symlink))
	case v1.Size > 0 && offset != bt.Bytes(v2.first)*pieceLength:
		return refuse(RuleHybridMismatch, "%s starts in the middle of a piece in v1; pad files are missing", showPath(v1.Path))
	}
	return nil
}
