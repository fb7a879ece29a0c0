package catalog

import "bytes"

// readAttr reads the BEP 47 attributes of a file. Unknown letters are ignored, as the BEP says.
func readAttr(f *File, attr, target value) error {
	letters, ok := attr.bytes()
	if attr != nil && !ok {
		return refuse(RuleAttr, "the attributes of %s are not a string", showPath(f.Path))
	}
	f.Pad = bytes.IndexByte(letters, 'p') >= 0
	isLink := bytes.IndexByte(letters, 'l') >= 0
	if f.Pad && isLink {
		return refuse(RuleAttr, "%s is a pad file and a symbolic link at once", showPath(f.Path))
	}
	if !isLink && target == nil {
		return nil
	}
	// A target without the attribute is checked all the same: some client may follow it.
	path, err := readPath(target)
	if err != nil {
		return refuse(RuleSymlink, "the symbolic link %s must point to a path inside the torrent (%v)", showPath(f.Path), err)
	}
	if isLink {
		f.Symlink = path
	}
	return nil
}
