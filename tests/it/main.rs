mod unet;
