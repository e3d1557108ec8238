# Ghostscript renders a page to pixels and to a PDF, and reads the PDF again.
set -eu
here=$(dirname "$0")
sed "s/WORK/$1/" "$here/page.ps" >page.ps

gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=ppmraw -r50 -sOutputFile=page-%d.ppm page.ps
cksum page-1.ppm page-2.ppm
gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOutputFile=page.pdf page.ps
gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=txtwrite -sOutputFile=- page.pdf
