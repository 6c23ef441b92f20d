// The executable; everything it does is in its library.
