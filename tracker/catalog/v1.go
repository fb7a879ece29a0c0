package catalog

import (
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// readV1 reads the file list and the piece hashes of BEP 3.
func (p *parser) readV1() error {
	if (p.length == nil) == (p.files == nil) {
		return refuse(RuleFiles, "a torrent must have either a length (one file) or a list of files")
	}
	read := p.readOneFile
	if p.files != nil {
		read = p.readFiles
	}
	if err := read(); err != nil {
		return err
	}
	if p.t.Size == 0 {
		return noData()
	}
	return p.readPieces()
}

func (p *parser) readOneFile() error {
	f := File{Path: []string{p.t.Name}}
	if err := readAttr(&f, p.attr, p.symlink); err != nil {
		return err
	}
	if f.Pad || f.Symlink != nil {
		return refuse(RuleAttr, "the only file is a pad file or a symbolic link; there is nothing to download")
	}
	size, err := readSize(p.length, f.Path)
	if err != nil {
		return err
	}
	f.Size = size
	p.t.Files, p.t.Size, p.t.Span = []File{f}, size, size
	return nil
}

func (p *parser) readFiles() error {
	p.t.MultiFile = true
	tree := newPathTree()
	for item := range p.files.items() {
		f, err := readFile(item)
		if err != nil {
			return err
		}
		if err := tree.add(f.Path, f.place()); err != nil {
			return err
		}
		if err := p.t.append(f); err != nil {
			return err
		}
	}
	if len(p.t.Files) == 0 {
		return refuse(RuleFiles, "the list of files is empty or not a list")
	}
	return nil
}

func (f *File) place() place {
	if f.Pad {
		return padFile
	}
	return plainFile
}

// append adds a file and its size to the torrent.
func (t *Torrent) append(f File) error {
	if t.Span += f.Size; t.Span > MaxTotalBytes {
		return tooLarge()
	}
	if !f.Pad {
		t.Size += f.Size
	}
	t.Files = append(t.Files, f)
	return nil
}

// readFile reads one entry of the v1 list.
func readFile(item value) (f File, err error) {
	if item.kind() != dictKind {
		return f, refuse(RuleFiles, "an entry of the list of files is not a dictionary")
	}
	path, attr := item.get("path"), item.get("attr")
	if path != nil {
		if f.Path, err = readPath(path); err != nil {
			return f, err
		}
	}
	if err := readAttr(&f, attr, item.get("symlink path")); err != nil {
		return f, err
	}
	if path == nil && !f.Pad { // BEP 47 lets pad files go without
		return f, refuse(RulePath, "a file has no path")
	}
	if err := checkAlias(item.get("path.utf-8"), f.Path); err != nil {
		return f, err
	}
	f.Size, err = f.readSize(item.get("length"))
	return f, err
}

// checkAlias refuses a path.utf-8 that names another file than path.
func checkAlias(alias value, path []string) error {
	if alias == nil {
		return nil
	}
	if same, err := readPath(alias); err != nil || !slices.Equal(same, path) {
		return refuse(RulePath, "path.utf-8 differs from path %s; create the torrent again with UTF-8 names", showPath(path))
	}
	return nil
}

// readSize reads the length of a file; that of a symbolic link is zero and may be absent (BEP 47).
func (f *File) readSize(length value) (bt.Bytes, error) {
	if f.Symlink != nil && length == nil {
		return 0, nil
	}
	size, err := readSize(length, f.Path)
	if err == nil && f.Symlink != nil && size != 0 {
		return 0, refuse(RuleSymlink, "the symbolic link %s must have size 0", showPath(f.Path))
	}
	return size, err
}

func (p *parser) readPieces() error {
	pieces, ok := p.pieces.bytes()
	if !ok || len(pieces)%20 != 0 {
		return refuse(RulePiecesLength, "the piece hashes are missing or not 20 bytes each")
	}
	want := pieceCount(p.t.Span, p.t.PieceLength)
	if want > MaxPieces {
		return tooManyPieces()
	}
	if have := int64(len(pieces) / 20); have != want {
		return refuse(RulePieceCount, "%d piece hashes for %d bytes in pieces of %d; there must be %d", have, p.t.Span, p.t.PieceLength, want)
	}
	p.t.pieces, p.t.numPieces = pieces, int(want)
	return nil
}
