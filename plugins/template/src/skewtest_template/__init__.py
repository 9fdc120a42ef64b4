"""An empty skewtest plugin: copy it to begin one."""

__version__ = "0.1.0"

__all__: list[str] = []
