//! Floor 3: equal objects in spans, and the map from addresses to rooms.
//!
//! ```text
//!   class   request ─► size class
//!   mark    the word in a free object that says so
//!   rooms   address ─► what lives there: foreign, tagged blocks, or a slab of a class
//!   spans   one descriptor for each slab: what is free, what was never carved
//! ```

pub mod class;
pub mod mark;
pub mod rooms;
pub mod spans;
