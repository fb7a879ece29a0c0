package catalog

import (
	"slices"
)

// readV2 reads the file tree and checks the piece layers of BEP 52. In a hybrid the result is
// compared with what readV1 found.
func (p *parser) readV2() error {
	v2 := &Torrent{PieceLength: p.t.PieceLength}
	if err := readTree(p.fileTree, v2); err != nil {
		return err
	}
	layers, err := checkLayers(p.layers, v2)
	if err != nil {
		return err
	}
	p.t.trees = hashedFiles(v2, layers)
	if p.t.HasV1 {
		return compareHybrid(p.t, v2)
	}
	p.t.Files, p.t.Size, p.t.Span, p.t.numPieces = v2.Files, v2.Size, v2.Span, v2.numPieces
	// One file directly in the root is a single-file torrent (BEP 52, "Interpreting paths"). Under
	// another name than the torrent's, clients put it in a folder.
	p.t.MultiFile = len(v2.Files) != 1 || len(v2.Files[0].Path) != 1 || v2.Files[0].Path[0] != p.t.Name
	return nil
}

// readTree fills t with the files of a file tree, in its order.
func readTree(root value, t *Torrent) error {
	if root.kind() != dictKind || len(root) == len("de") {
		return refuse(RuleFileTree, "the file tree is missing or empty")
	}
	if root.hasEmptyKey() {
		return refuse(RuleFileTree, "the root of the file tree must be a folder, not a file")
	}
	w := treeWalker{t: t, paths: newPathTree()}
	if err := w.folder(root, nil, 0); err != nil {
		return err
	}
	if t.Size == 0 {
		return noData()
	}
	return nil
}

type treeWalker struct {
	t     *Torrent
	paths *pathTree
}

// folder walks one level; scan has bounded how deep this goes.
func (w *treeWalker) folder(dir value, parent []string, id int) error {
	for key, child := range dir.entries() {
		if err := checkPart(string(key)); err != nil {
			return err
		}
		path := append(slices.Clip(parent), string(key))
		if child.kind() != dictKind || len(child) == len("de") {
			return refuse(RuleFileTree, "%s is neither a file nor a folder with files", showPath(path))
		}
		if err := w.visit(child, path, id); err != nil {
			return err
		}
	}
	return nil
}

// visit enters a file or folder below the folder that has the number parent.
func (w *treeWalker) visit(child value, path []string, parent int) error {
	name := path[len(path)-1]
	if !child.hasEmptyKey() {
		id, ok := w.paths.enter(parent, name, folder)
		if !ok {
			return collision(path)
		}
		return w.folder(child, path, id)
	}
	f, err := readTreeFile(child, path)
	if err != nil {
		return err
	}
	if _, ok := w.paths.enter(parent, name, f.place()); !ok {
		return collision(path)
	}
	return w.add(f)
}

// add gives a file its pieces.
func (w *treeWalker) add(f File) error {
	f.first = w.t.numPieces
	if err := w.t.append(f); err != nil {
		return err
	}
	count := pieceCount(f.Size, w.t.PieceLength)
	if count > MaxPieces-int64(w.t.numPieces) {
		return tooManyPieces()
	}
	w.t.numPieces += int(count)
	return nil
}

// readTreeFile reads the entry with the empty key, which must be alone.
func readTreeFile(entry value, path []string) (File, error) {
	f := File{Path: path}
	for key := range entry.entries() {
		if len(key) != 0 {
			return f, refuse(RuleFileTree, "%s is a file and a folder at once", showPath(path))
		}
	}
	props := entry.get("")
	if props.kind() != dictKind {
		return f, refuse(RuleFileTree, "the properties of %s are not a dictionary", showPath(path))
	}
	err := f.readTreeProps(props)
	return f, err
}

func (f *File) readTreeProps(props value) (err error) {
	if err = readAttr(f, props.get("attr"), props.get("symlink path")); err != nil {
		return err
	}
	if f.Size, err = f.readSize(props.get("length")); err != nil {
		return err
	}
	rootValue := props.get("pieces root")
	root, _ := rootValue.bytes()
	// An empty file needs no root; one that is there must be a hash all the same.
	if (f.Size > 0 || rootValue != nil) && len(root) != len(f.root) {
		return refuse(RulePiecesRoot, "%s has no pieces root of 32 bytes", showPath(f.Path))
	}
	copy(f.root[:], root)
	return nil
}

// hashedFiles lists the files with data; only those larger than a piece have a layer.
func hashedFiles(t *Torrent, layers map[hash256][]byte) []hashedFile {
	var out []hashedFile
	for _, f := range t.Files {
		h := hashedFile{first: f.first, size: f.Size, root: f.root}
		if f.Size > t.PieceLength {
			h.layer = layers[f.root]
		}
		if f.Size > 0 {
			out = append(out, h)
		}
	}
	return out
}

// checkLayers demands, for every file larger than a piece, hashes that lead to its root, and
// nothing else. It returns them by root.
func checkLayers(layers value, t *Torrent) (map[hash256][]byte, error) {
	if layers != nil && layers.kind() != dictKind {
		return nil, refuse(RulePieceLayers, "the piece layers are not a dictionary")
	}
	given := make(map[hash256]value)
	for key, layer := range layers.entries() {
		if len(key) != 32 {
			return nil, refuse(RulePieceLayers, "a key of the piece layers is not a hash of 32 bytes")
		}
		given[hash256(key)] = layer
	}
	// Files with the same contents share a layer: hash each once, or many files that name one
	// large layer would cost their product.
	proven, out := make(map[hash256]int64), make(map[hash256][]byte)
	for _, f := range t.Files {
		if f.Size <= t.PieceLength {
			continue
		}
		count := pieceCount(f.Size, t.PieceLength)
		if proven[f.root] == count {
			continue
		}
		hashes, err := checkLayer(given[f.root], f, count, pieceHeight(t.PieceLength))
		if err != nil {
			return nil, err
		}
		proven[f.root], out[f.root] = count, hashes
	}
	if len(given) != len(proven) {
		return nil, refuse(RulePieceLayers, "there are piece layers that belong to no file larger than a piece")
	}
	return out, nil
}

func checkLayer(layer value, f File, count int64, height int) ([]byte, error) {
	hashes, _ := layer.bytes()
	if int64(len(hashes)) != 32*count {
		return nil, refuse(RulePieceLayers, "%s needs piece layers of %d hashes, there are %d bytes", showPath(f.Path), count, len(hashes))
	}
	nodes := make([]hash256, count)
	for i := range nodes {
		nodes[i] = hash256(hashes[32*i:])
	}
	if merkleRoot(nodes, padHash(height)) != f.root {
		return nil, refuse(RulePieceLayers, "the piece layers of %s do not hash to its pieces root", showPath(f.Path))
	}
	return hashes, nil
}
