package catalog

import (
	"crypto/sha1"
	"crypto/sha256"
	"math/bits"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Parse validates a torrent file: v1, v2 or hybrid. Any error is a *Refusal.
func Parse(data []byte) (*Torrent, error) {
	if len(data) > MaxFileBytes {
		return nil, refuse(RuleSize, "the file is larger than %d bytes; use a larger piece length", MaxFileBytes)
	}
	if err := scan(data); err != nil {
		return nil, err
	}
	root := value(data)
	if root.kind() != dictKind {
		return nil, refuse(RuleNotDictionary, "this is not a torrent file: it must be a dictionary")
	}
	p := parser{t: &Torrent{}}
	var info value
	root.pick(map[string]*value{"info": &info, "piece layers": &p.layers})
	if info.kind() != dictKind {
		return nil, refuse(RuleInfoMissing, "this is not a torrent file: it has no info dictionary")
	}
	p.pickInfo(info)
	if err := p.parse(); err != nil {
		return nil, err
	}
	p.identify(info)
	return p.t, nil
}

// parser holds the values of the info dictionary that matter, nil where absent.
type parser struct {
	t *Torrent

	name, nameUTF8, pieceLength, private, source value
	pieces, length, files, attr, symlink         value // v1
	metaVersion, fileTree, layers                value // v2
}

func (p *parser) pickInfo(info value) {
	info.pick(map[string]*value{
		"name": &p.name, "name.utf-8": &p.nameUTF8, "piece length": &p.pieceLength,
		"private": &p.private, "source": &p.source,
		"pieces": &p.pieces, "length": &p.length, "files": &p.files,
		"attr": &p.attr, "symlink path": &p.symlink,
		"meta version": &p.metaVersion, "file tree": &p.fileTree,
	})
}

func (p *parser) parse() error {
	t := p.t
	t.HasV2 = p.metaVersion != nil || p.fileTree != nil
	// A v2 file without any of the three is v2 only; with one of them it must be a whole hybrid.
	t.HasV1 = p.pieces != nil || p.length != nil || p.files != nil || !t.HasV2
	for _, check := range []func() error{p.checkVersion, p.readName, p.readPieceLength} {
		if err := check(); err != nil {
			return err
		}
	}
	if t.HasV1 {
		if err := p.readV1(); err != nil {
			return err
		}
	}
	if t.HasV2 {
		return p.readV2()
	}
	return nil
}

// checkVersion comes before all else, as BEP 52 wishes, so that files of a future version are
// refused for the right reason.
func (p *parser) checkVersion() error {
	if !p.t.HasV2 {
		return nil
	}
	if version, ok := p.metaVersion.integer(); !ok || version != 2 {
		return refuse(RuleMetaVersion, "a torrent with a file tree must have meta version 2, and no other is known; create it again as v1, v2 or hybrid")
	}
	return nil
}

func (p *parser) readName() error {
	name, ok := p.name.bytes()
	if !ok || len(name) == 0 {
		return refuse(RuleName, "the torrent has no name; create it again")
	}
	p.t.Name = string(name)
	if why := unsafePart(p.t.Name); why != "" {
		return refuse(RuleName, "the torrent's name %s %s; create it again under another name", show(name), why)
	}
	if err := checkPart(p.t.Name); err != nil {
		return err
	}
	// Many clients prefer name.utf-8 (and path.utf-8): another name there would go unchecked.
	if alias, ok := p.nameUTF8.bytes(); p.nameUTF8 != nil && (!ok || string(alias) != p.t.Name) {
		return refuse(RuleName, "name.utf-8 differs from name %s; create the torrent again with UTF-8 names", show(name))
	}
	return nil
}

func (p *parser) readPieceLength() error {
	n, ok := p.pieceLength.integer()
	if !ok || n < int64(MinPieceLength) || n > int64(MaxPieceLength) || bits.OnesCount64(uint64(n)) != 1 {
		return refuse(RulePieceLength, "the piece length must be a power of two from %d to %d bytes; create the torrent again", MinPieceLength, MaxPieceLength)
	}
	p.t.PieceLength = bt.Bytes(n)
	return nil
}

// identify hashes the info dictionary and reads what needs no check.
func (p *parser) identify(info value) {
	t := p.t
	t.InfoBytes = info
	t.Private = string(p.private) == "i1e"
	if source, ok := p.source.bytes(); ok {
		t.Source = string(source)
	}
	if t.HasV2 {
		t.V2 = sha256.Sum256(info)
		t.InfoHash = t.TruncatedV2()
	}
	if t.HasV1 {
		t.V1 = sha1.Sum(info)
		t.InfoHash = t.V1
	}
}

// readSize reads a length and refuses what cannot be one.
func readSize(v value, path []string) (bt.Bytes, error) {
	n, ok := v.integer()
	switch {
	case !ok:
		return 0, refuse(RuleFileSize, "the size of %s is missing or not a number of 64 bits", showPath(path))
	case n < 0:
		return 0, refuse(RuleFileSize, "the size of %s is negative", showPath(path))
	case n > int64(MaxTotalBytes):
		return 0, tooLarge()
	}
	return bt.Bytes(n), nil
}

func tooLarge() error {
	return refuse(RuleTotalSize, "the files are larger than %d bytes in all; split the torrent", MaxTotalBytes)
}

func noData() error {
	return refuse(RuleTotalSize, "the torrent holds no data; there is nothing to download")
}

// readPath reads a list of names and checks each of them.
func readPath(v value) ([]string, error) {
	var path []string
	for item := range v.items() {
		part, ok := item.bytes()
		if !ok {
			return nil, refuse(RulePath, "a path contains something that is not a string")
		}
		if err := checkPart(string(part)); err != nil {
			return nil, err
		}
		path = append(path, string(part))
	}
	if len(path) == 0 {
		return nil, refuse(RulePath, "a file has no path")
	}
	return path, nil
}

// pieceCount is ceil(size/length).
func pieceCount(size, length bt.Bytes) int64 { return int64((size + length - 1) / length) }

func tooManyPieces() error {
	return refuse(RulePieceCount, "more than %d pieces; use a larger piece length", MaxPieces)
}
