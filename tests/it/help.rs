//! What a person sees who asks for help.
