package bench

import (
	"fmt"
	"io"
	"strconv"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const (
	torrentSize  = bt.GiB
	torrentPiece = 16 << 20
)

// newTorrent makes a torrent that every part of the server accepts: one file of 1 GiB in 64 pieces,
// private, with hashes from random. Nobody has data that fits the hashes.
func newTorrent(name string, random io.Reader) (store.NewTorrent, error) {
	pieces := make([]byte, 20*torrentSize/torrentPiece)
	if _, err := io.ReadFull(random, pieces); err != nil {
		return store.NewTorrent{}, err
	}
	file := []byte("d4:infod6:lengthi")
	file = strconv.AppendInt(file, int64(torrentSize), 10)
	file = fmt.Appendf(file, "e4:name%d:%s12:piece lengthi%de6:pieces%d:", len(name), name, torrentPiece, len(pieces))
	file = append(append(file, pieces...), "7:privatei1eee"...)
	t, err := catalog.Parse(file)
	if err != nil {
		return store.NewTorrent{}, fmt.Errorf("make torrent %s: %w", name, err)
	}
	return store.NewTorrent{InfoHash: t.InfoHash, Name: t.Name, Description: "made by swarmstake bench populate: there is no data",
		Size: t.Size, PieceBytes: t.PieceLength, Files: len(t.Files), Metainfo: file}, nil
}
