// The cell's executable; everything it does is in CellHost.

import CellHost

CellMain.run()
