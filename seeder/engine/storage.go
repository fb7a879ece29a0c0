package engine

import (
	"path/filepath"

	g "github.com/anacrolix/generics"
	"github.com/anacrolix/torrent/storage"
)

// newStorage stores plain files under dir. Part files are off, so that an existing folder of data
// can be hosted where it lies; mmap is off, because a file truncated behind a mapping kills the
// process (SIGBUS). The piece database is shared and closed by the engine.
func (e *Engine) newStorage(dir string) storage.ClientImpl {
	return storage.NewFileOpts(storage.NewFileClientOpts{
		ClientBaseDir:   dir,
		FilePathMaker:   filePath,
		PieceCompletion: e.completion,
		UsePartFiles:    g.Some(false),
		DisableMmap:     true,
		Logger:          e.log,
	})
}

// filePath places a torrent's file below its folder. A v2 file tree with one file of the torrent's
// own name is a single file (BEP 52), where the library would look for name/name.
func filePath(o storage.FilePathMakerOpts) string {
	name, path := o.Info.BestName(), o.File.BestPath()
	if o.Info.HasV2() && len(o.Info.FileTree.Dir) == 1 && len(path) == 1 && path[0] == name {
		return name
	}
	return filepath.Join(append([]string{name}, path...)...)
}
