//! A terminal whose cursor rests at the beginning of a line while nothing is drawn.
//!
//! indicatif leaves the cursor at the end of its last bar, in the last column. The `^C` that a terminal echoes there
//! goes to the next line, indicatif, which does not know, clears one line too few, and a bar that no longer moves
//! stays on the screen. With the cursor at the line's beginning the echo is overwritten by the next draw. This needs a
//! last bar that is always there: lines that indicatif prints with no bar under them end in the last column too, and
//! what follows would overwrite them.

use indicatif::TermLike;
use std::io;

/// The terminal.
#[derive(Debug)]
pub struct AtLineStart<T: TermLike>(pub T);

impl<T: TermLike> TermLike for AtLineStart<T> {
    fn width(&self) -> u16 {
        self.0.width()
    }
    fn height(&self) -> u16 {
        self.0.height()
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }
    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}
