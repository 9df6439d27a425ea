"""The prompt of a request, as text or as chat turns. Never token ids.

turns   from a request to one text, or to the turns of a chat
chat    chat templates
"""
