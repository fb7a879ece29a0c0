package web

import (
	"cmp"
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// CheckTorrent makes of a torrent file what the catalogue keeps: private, with a source tag (empty: that of the
// file stays), and described by the fields name, description, category and tags, each of which may be empty.
// changed says that the info-hash is another than the file's. An error is a *catalog.Refusal, or says of a field
// what is wrong with it.
func CheckTorrent(data []byte, source string, fields map[string]string) (n store.NewTorrent, changed bool, err error) {
	private, changed, err := catalog.MakePrivate(data, source)
	if err != nil {
		return n, changed, err
	}
	t, err := catalog.Parse(private)
	if err != nil {
		return n, changed, err
	}
	text, err := textFormOf(fields).parse()
	if err != nil {
		return n, changed, err
	}
	n = store.NewTorrent{Category: text.Category, Tags: text.Tags, InfoHash: t.InfoHash, Name: cmp.Or(text.Name, nameOf(t)), Description: text.Description, Size: t.Size,
		PieceBytes: t.PieceLength, Files: len(t.Files), Metainfo: private}
	if t.HasV1 && t.HasV2 {
		n.InfoHash2 = t.TruncatedV2()
	}
	if n.Name == "" {
		err = fail(http.StatusUnprocessableEntity, "name", "Give it a name: the one in the file cannot be shown.")
	}
	return n, changed, err
}
