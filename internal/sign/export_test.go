package sign

import "time"

// SetWall gives the file another clock of the machine.
func (f *File) SetWall(wall func() time.Time) { f.wall = wall }
