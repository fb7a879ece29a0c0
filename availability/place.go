package availability

// Place is a point on the earth, in millionths of a degree. The zero Place is unknown.
type Place struct {
	Known    bool
	Lat, Lon int32
}

// Who earns the bonus for distance (ECONOMY §7). Without a database of places there is none.
const (
	GeoOff   = "off"
	GeoEvery = "every" // a host farther than the distance from every other host of the torrent
	GeoThird = "third" // all hosts, if at least a third of them are farther from the others than the distance
)
