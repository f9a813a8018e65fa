module drplan/bed/pause

go 1.24
